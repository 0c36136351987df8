"""The content of each page of `newsdesk browse`: queries on the store, plain values for templates. No HTTP, no HTML.

Each page is a function of (store, …, now) that returns the values of its template, or None where nothing is stored.
"""
