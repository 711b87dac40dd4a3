pm.test("the API key may act for the sub-customer", () => pm.expect(pm.response.code).to.be.oneOf([200, 204]));
