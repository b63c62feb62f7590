"""The commander's console over HTTP: a thin shell between browsers and the node, which decides nothing itself."""
