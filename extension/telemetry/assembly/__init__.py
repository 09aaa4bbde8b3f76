"""PURE  What happened: the events of a request, in any order, to one finished invocation."""
