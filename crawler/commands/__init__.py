"""One module a group of commands: arguments, one call, output."""
