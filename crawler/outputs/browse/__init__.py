"""`newsdesk browse`: Datasette with pages for articles."""
