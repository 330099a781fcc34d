"""Model providers: which addresses they may have, where the embedded model answers, and who makes vectors."""

from config import env

CEF_ALLOW_PRIVATE_PROVIDERS = env.flag("CEF_ALLOW_PRIVATE_PROVIDERS", False)
CEF_LOCAL_MODEL_URL = env.text("CEF_LOCAL_MODEL_URL", "http://127.0.0.1:8080/v1").rstrip("/")
CEF_EGRESS_PROXY = env.text("CEF_EGRESS_PROXY", "")
CEF_EMBEDDER = env.text("CEF_EMBEDDER", "minilm")
