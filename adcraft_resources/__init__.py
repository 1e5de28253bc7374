"""How it is made: roles, codecs, store and arithmetic the assets draw upon."""
