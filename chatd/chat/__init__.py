"""The rules of chat/1: who may do what, and who is told. No sockets, no SQL, no event loop.

A request is judged against the `Directory` (what is known, including what is not yet on disk) and
recorded in the `Ledger`. Once the ledger's batch is on disk its effects are released, in order: the
replies leave, and the `Hub` (what has been published) changes and tells whom it concerns. If a
batch cannot be stored, the directory forgets everything and is read anew.
"""
