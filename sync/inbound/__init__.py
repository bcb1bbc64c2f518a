"""How files come in: read, mapped, checked, landed and recognised, with what can't be taken put aside."""
