"""`python -m crawler` is `newsdesk`."""

from crawler.cli import main

if __name__ == "__main__":
    main()
