// Only accounts with Customer Management have sub-customers.
if (!pm.variables.get("clientId")) {
    pm.execution.skipRequest();
}
