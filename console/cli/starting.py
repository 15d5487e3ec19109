"""What a web or worker process makes sure of before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import FairwayError

if TYPE_CHECKING:
    from core.settings import Settings


async def start_safely(settings: Settings, *, works: bool) -> None:
    """Raises `FairwayError` where a process that serves, or that *works* (calls channels), must not start."""
    from connectors import discover
    from core.hub import open_hub
    from core.usecases.start_safely import start_safely

    if settings.redis_url:
        await _refuse_forgetting(settings.redis_url)
    async with open_hub(settings, discover(), application="fairway-start", pool=1) as hub:
        await start_safely(hub, works=works)


async def _refuse_forgetting(redis_url: str) -> None:
    """A Redis that is away, or does not tell, is no reason to wait: workers look for work themselves."""
    from redis.exceptions import RedisError

    from jobs.wake import open_redis

    redis = open_redis(redis_url)
    try:
        policy = (await redis.info("memory")).get("maxmemory_policy", "noeviction")
    except (RedisError, OSError, TimeoutError):
        return
    finally:
        await redis.aclose(close_connection_pool=True)
    if policy != "noeviction":
        raise FairwayError(
            f"Not started: the maxmemory-policy of this Redis is {policy}: it would throw rings away.",
            fix="Set it to noeviction, or give Fairway a Redis of its own (REDIS_URL).",
        )
