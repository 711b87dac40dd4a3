pm.test("the devices of the sub-customer are listed", () => {
    pm.response.to.have.status(200);
    pm.expect(pm.response.json().content).to.be.an("array");
});
