"""The commands of chatctl; each is an async function of a `Desk` and of what was typed."""
