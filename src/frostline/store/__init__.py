"""Features kept on disk: shards of rows, addressed by all that can change a row."""

from frostline.store.shards import text_keys
from frostline.store.store import FeatureStore, Found, StoreWarning
from frostline.store.stored import StoredEncoder
from frostline.store.upkeep import (
    KINDS,
    CacheEntry,
    DamagedShard,
    Kind,
    PruneReport,
    VerifyReport,
    cache_info,
    cache_prune,
    cache_verify,
)

__all__ = [
    "KINDS",
    "CacheEntry",
    "DamagedShard",
    "FeatureStore",
    "Found",
    "Kind",
    "PruneReport",
    "StoreWarning",
    "StoredEncoder",
    "VerifyReport",
    "cache_info",
    "cache_prune",
    "cache_verify",
    "text_keys",
]
