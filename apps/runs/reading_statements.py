"""One run with its input and output, for who reads without the ORM."""

from typing import Final

from apps.runs.selectors import DETAIL, SUMMARY

READ_RUN: Final = f"""
SELECT {", ".join(f"run.{column}" for column in (*SUMMARY, *DETAIL))}, run.event_seq,
       agent.slug AS agent_slug, version.number AS version_number
FROM runs_run AS run
JOIN agents_agent AS agent ON agent.id = run.agent_id
JOIN agents_agentversion AS version ON version.id = run.agent_version_id
WHERE run.id = %(run)s AND run.workspace_id = %(workspace)s"""
"""What `run_detail` reads, and the number of the run's last event, which `detail_json` does not tell."""
