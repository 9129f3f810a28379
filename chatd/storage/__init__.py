"""What is kept, and how: SQLite with every name, text and secret as a keyed hash or in a box."""
