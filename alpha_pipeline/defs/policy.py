"""What holds for every asset alike."""

OWNERS = ["team:alpha"]
