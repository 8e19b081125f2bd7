"""`python -m alpha_pipeline.cli` is the `alpha` command."""

from alpha_pipeline.cli.main import main

if __name__ == "__main__":
    main()
