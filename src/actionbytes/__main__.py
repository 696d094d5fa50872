"""`python -m actionbytes ...` is `actionbytes ...`."""

from actionbytes.cli import main

if __name__ == "__main__":
    main()
