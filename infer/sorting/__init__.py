"""Pictures of a finished scan, copied, linked or moved into folders by verdict, and back."""
