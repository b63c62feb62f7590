"""The radio gateway: one-touch radios and SIP phones become voices in talkgroups, and back."""
