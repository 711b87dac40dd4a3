pm.test("a wrong token gets a 302, which is not followed", () => pm.response.to.have.status(302));
