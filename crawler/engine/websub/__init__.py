"""WebSub: feeds whose hubs push what is new (crawler/feeds/websub.py has the rules)."""
