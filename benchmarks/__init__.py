"""Where the README's figures come from; each module prints one JSON object a line."""
