"""The pages people see: one file a section."""
