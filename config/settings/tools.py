"""Tools: the modules they come from, how they are run, and where they may connect to."""

from config import env

# Installed packages name theirs by the entry point group `cef.tools`; these need no installation.
CEF_TOOL_MODULES = ["workers.toolbox", *env.words("CEF_TOOL_MODULES")]
CEF_TOOL_THREADS = env.integer("CEF_TOOL_THREADS", 16, low=1, high=256)
CEF_TOOL_RESULT_BYTES = env.integer("CEF_TOOL_RESULT_BYTES", 50 * 1_048_576, low=1_024, high=50 * 1_048_576)
CEF_EGRESS_PORTS = [80, 443, *(int(port) for port in env.words("CEF_EGRESS_PORTS"))]
CEF_EGRESS_PRIVATE_HOSTS = env.words("CEF_EGRESS_PRIVATE_HOSTS")
