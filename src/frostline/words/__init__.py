"""Which words a text has, weighted by rarity: features beside an encoder's."""
