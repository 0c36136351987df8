"""One crawl: leasing work, requesting it, deciding what each answer means, writing it."""
