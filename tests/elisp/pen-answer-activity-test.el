;;; pen-answer-activity-test.el --- What the mode line says of requests -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-answer-activity)

(defmacro pen-answer-activity-test-with (&rest body)
  "Run BODY while no request runs."
  `(let (pen-answer-activity pen-answer-activity--running)
     ,@body))

(ert-deftest pen-answer-activity-test-shows-the-newest-request-that-runs ()
  (pen-answer-activity-test-with
   (pen-answer-activity-note 'a 1 3)
   (should (equal pen-answer-activity ":1/3"))
   (pen-answer-activity-note 'b 0 nil)
   (should (equal pen-answer-activity ":…"))
   (pen-answer-activity-note 'b 2 5)
   (pen-answer-activity-note 'a 2 3)
   (should (equal pen-answer-activity ":2/5"))
   (pen-answer-activity-forget 'b)
   (should (equal pen-answer-activity ":2/3"))
   (pen-answer-activity-forget 'a)
   (should-not pen-answer-activity)))

(ert-deftest pen-answer-activity-test-more-than-expected-is-no-more-than-all ()
  (pen-answer-activity-test-with
   (pen-answer-activity-note 'a 4 3)
   (should (equal pen-answer-activity ":4/4"))))

(ert-deftest pen-answer-activity-test-the-mode-line-is-redrawn-when-its-text-changes-only ()
  (let ((updates 0))
    (cl-letf (((symbol-function 'force-mode-line-update)
               (lambda (&rest _) (setq updates (1+ updates)))))
      (pen-answer-activity-test-with
       (dotimes (_ 5)
         (pen-answer-activity-note 'a 1 3))
       (should (= updates 1))
       (pen-answer-activity-note 'a 2 3)
       (should (= updates 2))
       (pen-answer-activity-forget 'b)
       (should (= updates 2))))))

(provide 'pen-answer-activity-test)
;;; pen-answer-activity-test.el ends here
