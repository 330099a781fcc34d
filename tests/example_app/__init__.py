"""The app of the second tutorial: tickets, and a tool that opens one."""
