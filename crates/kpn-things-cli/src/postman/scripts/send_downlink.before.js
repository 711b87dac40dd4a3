// A downlink reaches a real device, so nothing is sent until the variable devEui is set.
if (!pm.variables.get("devEui")) {
    pm.execution.skipRequest();
}
