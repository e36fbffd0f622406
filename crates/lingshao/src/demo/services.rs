//! The outside services by which people are told, as fakes on this machine.

use std::fmt;
use std::io;

use lingshao_demo::fakes::{FakeAliyunSms, FakeSmtp, FakeWecom, SmsAccount, SmtpOptions, SmtpSecurity};

/// Messages that each of them keeps: as many as the inbox shows, for weeks of a demo that nobody looks at.
pub(super) const KEPT_MAX: usize = 500;

/// All of them; they end when this is dropped.
pub(super) struct Services {
    pub(super) wecom: FakeWecom,
    pub(super) smtp: FakeSmtp,
    pub(super) sms: FakeAliyunSms,
    pub(super) account: SmsAccount,
}

impl Services {
    /// On free ports.
    pub(super) fn start() -> io::Result<Services> {
        let account = SmsAccount::default();
        let open = SmtpOptions { security: SmtpSecurity::Plain, login: None, ..SmtpOptions::default() };
        let services = Services {
            wecom: FakeWecom::start()?,
            smtp: FakeSmtp::start(open)?,
            sms: FakeAliyunSms::start(account.clone())?,
            account,
        };
        services.wecom.keep_newest(KEPT_MAX);
        services.smtp.keep_newest(KEPT_MAX);
        services.sms.keep_newest(KEPT_MAX);
        Ok(services)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "services at {}, {} and {}", self.wecom.address(), self.smtp.address(), self.sms.address())
    }
}
