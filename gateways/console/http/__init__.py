"""The one place that knows Litestar: routes, cookies, streams, and problems as HTTP answers."""
