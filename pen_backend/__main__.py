"""Run `python -P -m pen_backend serve` for Emacs, or any other command of `pen`."""

import sys


def main() -> int:
    """Start the service without the command line's imports, or hand over to the command line."""
    if sys.argv[1:2] == ["serve"]:
        from pen_backend.transports import serve

        return serve.main(sys.argv[2:])
    from pen_backend.transports import cli

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
