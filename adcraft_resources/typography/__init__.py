"""Setting a hook in type over a moving picture: fonts, lines, designs, placement and animation."""
