pm.test("the downlink is accepted", () => pm.expect(pm.response.code).to.be.oneOf([200, 201, 204]));
