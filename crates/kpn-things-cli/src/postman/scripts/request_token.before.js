// Writes the body anew, because a secret may contain quotes and backslashes.
pm.request.body.raw = JSON.stringify({
    grant_type: "client_credentials",
    audience: pm.variables.get("applicationId"),
    client_id: pm.variables.get("keyId"),
    client_secret: pm.variables.get("keySecret"),
});
