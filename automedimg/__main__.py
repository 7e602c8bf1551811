"""`python -m automedimg`."""

from automedimg.cli.main import main

if __name__ == "__main__":
    main()
