// Without a token, no other request can succeed.
const token = pm.response.code === 200 ? pm.response.json() : {};
if (typeof token.access_token !== "string" || token.access_token === "") {
    pm.execution.setNextRequest(null);
}

pm.test("GRIP returns 200", () => pm.response.to.have.status(200));
pm.test("the response has an access token", () => {
    pm.expect(token.access_token).to.be.a("string").that.is.not.empty;
});
pm.test("expires_in is absent, a number or a numeric string", () => {
    if (token.expires_in !== undefined) {
        pm.expect(String(token.expires_in)).to.match(/^[0-9]+$/);
    }
});

pm.collectionVariables.set("accessToken", token.access_token);
pm.collectionVariables.set("currentPage", "0");
pm.collectionVariables.set("listed", "[]");
