"""Who may order what: keys with scopes, chains of grants, signed orders, revocations. ARCHITECTURE.md has the map."""
