"""Fine-tune and prompt language models from Emacs, on your own machine."""

__version__ = "0.1.0"
