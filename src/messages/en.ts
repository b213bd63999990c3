/** English. */
export const en = {
  'duration.days': '{count, plural, =1 {one day} other {# days}}',
  'duration.hours': '{count, plural, =1 {one hour} other {# hours}}',
  'duration.minutes': '{count, plural, =1 {one minute} other {# minutes}}',
  'duration.seconds': '{count, plural, =1 {one second} other {# seconds}}',

  'page.languages': 'Language',
  'page.support': 'Help',
  'page.email': 'Email',
  'page.password': 'Password',
  'page.showPassword': 'Show password',

  'ways.goOn': 'Continue',
  'ways.signIn': 'Sign in',
  'ways.back': 'Back to sign-in',
  'ways.newLink': 'Get a new link',
  'ways.openForm': 'Open the form',

  'wayf.title': 'Where are you from?',
  'wayf.for': 'You sign in at {service} and then return to {site}.',
  'wayf.institution': 'Your institution',
  'wayf.search': 'Search',
  'wayf.count': '{count, plural, =0 {No institution found} =1 {1 institution} other {# institutions}}',
  'wayf.first': 'The first {count, plural, other {# institutions}}',
  'wayf.narrow': 'Type more of the name to narrow the search.',
  'wayf.nothing': 'No institution matches this name.',
  'wayf.similar': 'No institution has this name. These have a similar one:',
  'wayf.byNetwork':
    "Institutions shown without a link don't offer sign-in here. If yours gives access through its network, connect to it and reload this page.",
  'wayf.without': 'Sign in without an institution',
  'wayf.last': 'You signed in with:',
  'wayf.forget': 'Forget this choice',
  'wayf.expired': 'This page has expired. Go back to the site that sent you here.',
  'wayf.absent': 'This institution is not available. Go back and choose another.',

  'signIn.title': 'Sign in',
  'signIn.titleFor': 'Sign in: {name}',
  'signIn.titleAgain': 'Sign in: try again',
  'signIn.with': 'Use your {name} account.',
  'signIn.choose': 'Choose an institution',
  'signIn.chooseAnother': 'Choose another institution',
  'signIn.remember': 'Remember this institution in this browser',
  'signIn.button': 'Sign in',
  'signIn.forgot': 'Forgot your password?',
  'signIn.wrong': 'Invalid email or password.',
  'signIn.otherInstitution': 'This account does not belong to {name}.',
  'signIn.unverified': 'Verify your email first. Open the link that was sent to it.',
  'signIn.passwordExpired': 'This temporary password has expired. Request a password reset link.',
  'signIn.otherSite': 'This form was submitted from another site. Open it here and fill it in again.',

  'root.text':
    'This is where {service} signs people in, and where programs talk to it. If a link sent you here, go back to the site that it came from.',
  'root.docs': 'API documentation',
  'root.ready': 'Service status',

  'link.needsScript': 'This page needs JavaScript to read the link from your mail.',
  'link.incomplete': 'This link is incomplete. Open the link from the mail again.',
  'link.used': 'This link has been used or has expired.',
  'link.perhapsDone':
    'This link has been used or has expired. Your previous attempt may have succeeded. Check that first.',
  'link.unreachable': 'The server could not be reached. Try again later.',
  'link.taken': 'An account with this email already exists.',
  'link.invited': 'There is an invitation for this email. We have sent it again: open it to choose a password.',
  'link.signUpClosed': 'Sign-up is closed. Ask an administrator for an account.',

  'ask.reset.title': 'Forgot your password?',
  'ask.reset': 'Enter your email, and we will send you a link to choose a new password.',
  'ask.invitation.title': 'Get a new invitation',
  'ask.invitation': 'Enter the email that you were invited with, and we will send you a link to choose a password.',
  'ask.verification.title': 'Get a new link to verify your email',
  'ask.verification': 'Enter the email that you want to verify, and we will send you a link.',
  'ask.button': 'Send me a link',
  'ask.badEmail': 'Enter an email address, such as jane@example.org.',
  'ask.sent.title': 'Check your email',
  'ask.sent':
    'If the email that you entered is known to us, a link is on its way there. It can be used once, within {lifetime}.',
  'ask.sent.claim':
    'If the email that you entered is known to us, a link is on its way there. It can be used once, for as long as the mail says.',
  'ask.sent.hint':
    'Nothing there after a few minutes? Check your spam folder, and make sure that you typed your email correctly. We send at most one link a minute.',
  'ask.sent.other': 'Use another email',

  'password.tooShort': 'The password must be at least {count, plural, other {# characters}}.',
  'password.tooLong': 'The password must be at most {count, plural, other {# characters}}.',
  'password.control': 'The password must not contain control characters, such as tabs and line breaks.',
  'password.tooCommon':
    'The password is one of the most common passwords, which are guessed first; choose another one, such as a few words that have nothing to do with each other.',
  'password.tooClose':
    'The password is little more than your email, your name or the name of this service; choose another one, such as a few words that have nothing to do with each other.',
  'password.stillInitial': 'The password must be different from your temporary one.',
  'password.refused': 'This password cannot be used. Choose another.',
  'password.notTheOne': 'The password is not the one that you signed up with.',

  'invitation.title': 'Welcome: choose a password',

  'reset.title': 'Choose a new password',
  'reset.password': 'New password',
  'reset.hint': 'At least {count, plural, other {# characters}}.',
  'reset.button': 'Save',
  'reset.done': 'Your password has been changed. You can now sign in with it.',
  'reset.used': 'This link has been used or has expired. Request a new one.',

  'verify.title': 'Verify your email',
  'verify.hint':
    'Enter the password that you signed up with, or that of your account, to confirm that this is your email.',
  'verify.button': 'Verify email',
  'verify.done': 'Your email is verified. You can sign in now.',

  'undo.title': 'Undo the change of email',
  'undo.hint':
    'This restores your previous email, signs everyone out of your account and removes its password. You will receive a mail to choose a new one.',
  'undo.button': 'Undo the change',
  'undo.done':
    'Your email has been restored, and everyone has been signed out. You will receive a mail to choose a new password.',

  'error.badRequest.title': 'This did not work',
  'error.badRequest': 'The request could not be understood. Go back and try again.',
  'error.expired.title': 'This page has expired',
  'error.forbidden.title': 'This is not allowed here',
  'error.forbidden': "You don't have permission to do this.",
  'error.internal.title': 'Something went wrong',
  'error.internal': 'An internal error occurred. It is not your fault. Try again later.',
  'error.internal.request': 'Request {id}',
  'error.notFound.title': 'We could not find this page',
  'error.notFound': 'Check the address, or go back to the site that sent you here.',
  'error.rateLimited.title': 'Please wait a moment',
  'error.rateLimited': 'Too many attempts. Try again in {wait}.',
  'error.tooMany': 'Too many attempts. Try again later.',
  'error.locked': 'Too many failed sign-ins. Sign in from where you have signed in before, or reset your password.',
  'error.unavailable.title': 'We will be right back',
  'error.unavailable': 'The service is temporarily unavailable. Try again later.',

  'mail.help': 'Help: {address}',
  'mail.when': 'When: {time}',
  'mail.from': 'From: {origin}',
  'mail.reset.subject': 'Choose a new password for {service}',
  'mail.reset.text': 'We received a request to reset the password for {email} at {service}.',
  'mail.reset.link': 'Open this link within {lifetime} to choose a new password:',
  'mail.reset.button': 'Choose a new password',
  'mail.reset.ignore': 'If you did not request this, you can ignore this mail. Your password has not changed.',
  'mail.invitation.subject': 'You are invited to {service}',
  'mail.invitation.text': 'An account has been created for {email} at {service}.',
  'mail.invitation.by': 'Invited by: {name}',
  'mail.invitation.link': 'Open this link within {lifetime} to choose a password:',
  'mail.invitation.button': 'Choose a password',
  'mail.invitation.ignore':
    'If you were not expecting an invitation, you can ignore this mail. Nobody can sign in without a password.',
  'mail.verify.subject': 'Verify your email for {service}',
  'mail.verify.text': 'An account at {service} was created with, or changed to, the email {email}.',
  'mail.verify.link': 'If this was you, open this link within {lifetime} to verify your email:',
  'mail.verify.button': 'Verify email',
  'mail.verify.ignore': 'If this was not you, you can ignore this mail.',
  'mail.signUp.text': 'Somebody is creating an account at {service} with the email {email}.',
  'mail.signUp.link':
    'If this is you, open this link within {lifetime} and enter the password that you signed up with:',
  'mail.signUp.ignore':
    'If this is not you, you can ignore this mail. No account is created without the link and the password.',
  'mail.change.subject': 'Confirm your new email for {service}',
  'mail.change.text': 'The email of an account at {service} is to be changed to {email}.',
  'mail.change.link': 'If this is you, open this link within {lifetime} and enter the password of your account:',
  'mail.change.button': 'Confirm email',
  'mail.change.ignore':
    'If this is not you, you can ignore this mail. Nothing changes without the link and the password.',
  'mail.taken.subject': 'You already have an account at {service}',
  'mail.taken.text': 'Somebody asked for an account at {service} with the email {email}, which already has one.',
  'mail.taken.signIn': 'If this was you, sign in to it. If you do not remember its password, ask for a new one here:',
  'mail.taken.ignore': 'If this was not you, you can ignore this mail. Nothing has changed.',
  'mail.moved.subject': 'The email of your account at {service} was changed',
  'mail.moved.text':
    'The email of your account at {service} was changed from {email} to another one. If this was you, no action is needed.',
  'mail.moved.link':
    'If this was not you, open this link within {lifetime} to restore your email, end every session and choose a new password:',
  'mail.moved.button': 'Undo the change',
  'mail.moved.gone':
    'The email of an account at {service} was changed from {email} to another one. If you did not expect this, contact the operator of {service}.',
  'mail.password.changed': 'Your password for {service} was changed',
  'mail.password.removed': 'Your password for {service} was removed',
  'mail.password.way.session':
    'The password of your account at {service} was changed by somebody who was signed in to it.',
  'mail.password.way.moved':
    'The email and the password of your account at {service} were changed by somebody who was signed in to it.',
  'mail.password.way.link':
    'The password of your account at {service} was set with a link that was sent to this address.',
  'mail.password.way.admin':
    'An administrator removed the password of your account at {service}. Everybody was signed out of it.',
  'mail.password.way.undo':
    'The change of the email of your account at {service} was undone, with a link that was sent to this address. The password was removed, as somebody else may know it, and everybody was signed out.',
  'mail.password.mine': 'If this was you, no action is needed.',
  'mail.password.notMine':
    'If this was not you, choose a new password: where you sign in, ask for a link to reset it. That signs everybody else out. Then contact the operator of {service}, and change the password of your mailbox if somebody else may have read it.',
  'mail.password.notMineMoved':
    'If this was not you, open the link in our mail about the change of your email, if it has one. That signs everybody else out. Then contact the operator of {service}, and change the password of your mailbox if somebody else may have read it.',
  'mail.password.afterAdmin': 'To sign in again, choose a new password. Ask here for a link to do so:',
  'mail.password.unexpected': 'If you did not expect this, contact the operator of {service}.',
  'mail.password.afterUndo':
    'To sign in again, choose a new password with the link that we have sent you in another mail.',
  'mail.password.mailbox':
    'If you did not expect this, contact the operator of {service}, and change the password of your mailbox: somebody else may have read it.',
} as const;
