"""The functions that the steps call, as one value for the leak audit; a test holds that they are the very ones."""

from alpha_pipeline.datasets.folds import training_data, walk_forward_folds
from alpha_pipeline.datasets.matrix import build_matrix, matrix_training_data
from alpha_pipeline.datasets.samples import build_samples
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.evaluation.audit.normalisation import revin_statistics
from alpha_pipeline.evaluation.audit.pipeline import FeatureStep, Pipeline
from alpha_pipeline.features import market_context, price_action, sector_context, technical, volatility
from alpha_pipeline.features.adjust import anchored
from alpha_pipeline.forecasting.walk_forward import forecast
from alpha_pipeline.ingestion.ingest import ingest
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.portfolio.ledger import ledger
from alpha_pipeline.portfolio.strategies import decisions
from alpha_pipeline.signals import mag7_vote, qqq_position, sector_rotation, vix_regime
from alpha_pipeline.steps.features import MARKET_TICKERS, VOLATILITY_TICKERS
from alpha_pipeline.steps.forecasting import merge, stamp
from alpha_pipeline.training.fitting import fit_member
from alpha_pipeline.universe import SECTORS

FEATURES = {
    "technical": FeatureStep(technical.FEATURES, technical.technical),
    "price_action": FeatureStep(price_action.FEATURES, price_action.price_action),
    "market_context": FeatureStep(market_context.FEATURES, market_context.market_context, MARKET_TICKERS),
    "volatility": FeatureStep(volatility.FEATURES, volatility.volatility, VOLATILITY_TICKERS),
    "sector_context": FeatureStep(sector_context.FEATURES, sector_context.sector_context, SECTORS),
}
PIPELINE = Pipeline(
    ingest=ingest,
    anchor=anchored,
    features=FEATURES,
    targets=forward,
    samples=build_samples,
    matrix=build_matrix,
    folds=walk_forward_folds,
    cut=training_data,
    matrix_cut=matrix_training_data,
    fit=fit_member,
    window_statistics=revin_statistics,
    forecast=forecast,
    stamp=stamp,
    merge=merge,
    ballots=mag7_vote.ballots,
    vote=mag7_vote.vote,
    ranks=sector_rotation.ranks,
    rotation=sector_rotation.rotation,
    regime=vix_regime.regime,
    position=qqq_position.position,
    decisions=decisions,
    ledger=ledger,
    experiments=load_experiments,
)
