"""What a coding agent reaches over the Model Context Protocol: tools, resources and prompts over one ledger."""
