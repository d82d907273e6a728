"""What people and machines read: report files and the explanation of a figure. Nothing is computed here."""
