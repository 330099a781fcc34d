"""The model and the tool of the two arms on pydantic-ai."""

import asyncio

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel


def calculator(expression: str) -> str:
    """Work out a product of whole numbers."""
    left, right = expression.split("*")
    return str(int(left) * int(right))


async def _reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Calls the calculator, then tells what it said. The prompt is the number of seconds that a call takes."""
    first, last = messages[0].parts[-1], messages[-1].parts[-1]
    assert isinstance(first, UserPromptPart)
    if latency_s := float(str(first.content)):
        await asyncio.sleep(latency_s)
    if isinstance(last, ToolReturnPart):
        return ModelResponse(parts=[TextPart(f"The answer is {last.content}.")])
    return ModelResponse(parts=[ToolCallPart("calculator", {"expression": "6 * 7"})])


MODEL = FunctionModel(_reply, model_name="scripted")
