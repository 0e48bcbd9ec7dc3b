"""Features kept on disk: shards of rows, addressed by all that can change a row."""

from frostline.store.shards import text_keys
from frostline.store.store import FeatureStore, Found, StoreWarning
from frostline.store.stored import StoredEncoder

__all__ = ["FeatureStore", "Found", "StoreWarning", "StoredEncoder", "text_keys"]
