"""One crawl run: lease work, send the requests, decide what each response means, write the result."""
