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
  'ways.back': 'Back to signing in',
  'ways.newLink': 'Get a new link',

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
    'For an institution without a link nobody signs in here. If yours gives access by its network, connect to it and open the page again.',
  'wayf.without': 'Sign in without an institution',
  'wayf.expired': 'This page has expired. Go back to the site that sent you here.',
  'wayf.absent': 'This institution is not available. Go back and choose another.',

  'signIn.title': 'Sign in',
  'signIn.titleFor': 'Sign in: {name}',
  'signIn.titleAgain': 'Sign in: try again',
  'signIn.with': 'With an account of {name}.',
  'signIn.choose': 'Choose an institution',
  'signIn.chooseAnother': 'Choose another institution',
  'signIn.button': 'Sign in',
  'signIn.forgot': 'Forgot your password?',
  'signIn.wrong': 'Invalid email or password.',
  'signIn.otherInstitution': 'This account does not belong to {name}.',
  'signIn.unverified': 'Verify your email first. Open the link that was sent to it.',
  'signIn.passwordExpired':
    'This password was for the beginning only, and has expired. Ask for a link to choose a new one.',
  'signIn.otherSite': 'This form was submitted from another site. Reload the page and try again.',

  'link.needsScript': 'This page needs JavaScript to read the link from your mail.',
  'link.incomplete': 'This link is incomplete. Open the link from the mail again.',
  'link.used': 'This link has been used or has expired.',
  'link.unreachable': 'The server could not be reached. Try again later.',

  'ask.reset.title': 'Forgot your password?',
  'ask.reset': 'Enter your email, and we will send you a link with which you choose a new password.',
  'ask.invitation.title': 'Get a new invitation',
  'ask.invitation':
    'Enter the email that you were invited with, and we will send you a link with which you choose a password.',
  'ask.verification.title': 'Get a new link to verify your email',
  'ask.verification': 'Enter the email that you want to verify, and we will send you a link.',
  'ask.button': 'Send me a link',
  'ask.badEmail': 'Enter an email address, such as jane@example.org.',
  'ask.sent.title': 'Look into your mailbox',
  'ask.sent': 'If {email} is known to us, a link is on its way there. It can be used once, within {lifetime}.',
  'ask.sent.hint':
    'Nothing there after a few minutes? Look into the folder for spam, and check that you have typed your email correctly. We send one link a minute at most.',
  'ask.sent.other': 'Use another email',

  'password.tooShort': 'The password must be at least {count, plural, other {# characters}}.',
  'password.tooLong': 'The password must be at most {count, plural, other {# characters}}.',
  'password.control': 'The password must not contain control characters, such as tabs and line breaks.',
  'password.tooCommon':
    'The password is one of the most common passwords, which are guessed first; choose another one, such as a few words that have nothing to do with each other.',
  'password.tooClose':
    'The password is little more than your email, your name or the name of this service; choose another one, such as a few words that have nothing to do with each other.',
  'password.stillInitial': 'The password must not be the one that you were given.',
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
  'error.forbidden': 'You may not do this.',
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
} as const;
