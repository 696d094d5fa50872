"""Features of snippets: how they are declared, extracted, stored, imported and compared."""
